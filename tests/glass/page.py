"""Reads a report or a drawing back: its structure, its tables, its pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from clearprop.glass import Drawing

VOID = {"meta", "img", "link", "br", "hr", "input"}
DRAWN = {"svg", "path", "circle", "image", "text", "title"}


@dataclass
class Element:
    """An element with its attributes, its children and the text directly in it."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    own_text: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.own_text).split())

    def all(self, tag: str | None = None, kind: str | None = None) -> list[Element]:
        found = []
        for child in self.children:
            classes = child.attributes.get("class", "").split()
            if (tag is None or child.tag == tag) and (kind is None or kind in classes):
                found.append(child)
            found += child.all(tag, kind)
        return found

    def by_id(self, name: str) -> Element | None:
        return next((e for e in self.all() if e.attributes.get("id") == name), None)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.at = Element("", {})
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) < len(names):
            self.faults.append(f"<{tag}> has an attribute twice")
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(element)
        if tag not in VOID:
            self.at = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != self.at.tag or self.at.parent is None:
            self.faults.append(f"</{tag}> ends <{self.at.tag}>")
            return
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        element: Element | None = self.at
        while element is not None:
            element.own_text.append(data)
            element = element.parent


def read(html: str) -> tuple[Element, list[str]]:
    """Return the root of a page, and what is wrong with its structure."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if reader.at is not reader.root:
        reader.faults.append(f"<{reader.at.tag}> has no end")
    return reader.root, reader.faults


def ink_in(drawing: Drawing, axes: int = 0) -> float:
    """Return the fraction of pixels inside some axes of a PNG file that are not white."""
    with Image.open(io.BytesIO(drawing.png())) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    height, width = pixels.shape[:2]
    box = drawing.figure.axes[axes].get_position()
    rows = slice(round((1 - box.y1) * height) + 3, round((1 - box.y0) * height) - 3)
    inside = pixels[rows, round(box.x0 * width) + 3 : round(box.x1 * width) - 3]
    return float((inside.min(axis=-1) < 245).mean())
