// The stops of the colors: below 0, above 0, and darkest; and those of the classes.
// Written by `python -m tools.studio_types` from clearprop/glass/colors.py and boundary_section.py: change that file and run the
// command again; a test compares the two.

export const NEGATIVE: readonly (readonly [number, number, number])[] = [[247, 247, 245], [164, 201, 230], [72, 137, 196], [21, 82, 145], [8, 40, 88]];
export const POSITIVE: readonly (readonly [number, number, number])[] = [[247, 247, 245], [252, 205, 160], [244, 150, 79], [222, 104, 24], [176, 66, 6]];
export const DARKEST: readonly [number, number, number] = [92, 28, 2];
export const CLASS_COLORS: readonly (readonly [number, number, number])[] = [[11, 63, 117], [194, 87, 12], [47, 125, 91], [122, 74, 158], [85, 96, 107], [163, 51, 106]];
