"""Your own table: a CSV file with categories and empty cells, from training to a prediction.

Run it with ``python examples/own_table.py``. The table holds measurements of patients from
scikit-learn. Some of its cells are empty, as in many real tables.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import clearprop as cp


def write_table(path: Path) -> None:
    """Write the table of this example: age, sex, body mass, and the disease after one year."""
    patients = cp.data.load("diabetes")
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["age", "sex", "body mass", "progression"])
        for number, (x, y) in enumerate(zip(patients.inputs, patients.targets, strict=True)):
            body_mass = "" if number % 40 == 0 else f"{x[2]:.4f}"
            rows.writerow([f"{x[0]:.4f}", "woman" if x[1] > 0 else "man", body_mass, f"{y[0]:g}"])


def main() -> None:
    """Train on the table, save the model, and use it for new rows."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_table(folder / "patients.csv")
        parts = cp.data.load(folder / "patients.csv", target="progression").split(seed=1)
        print("inputs of the network:", ", ".join(parts.preprocessor.feature_names))

        model = cp.models.MLP((*parts.input_shape, 16, 1), activation="tanh")
        run = cp.fit(
            model,
            parts,
            loss="squared_error",
            learning_rate=0.003,
            epochs=200,
            patience=20,
            folder=folder / "run",
            progress=False,
        )
        result = run.evaluate(parts.test)
        always_the_mean = parts.test.targets.std()
        print(f"{result.error_name} {result.error:.1f}; guessing the mean: {always_the_mean:.1f}")

        (folder / "new.csv").write_text("body mass,sex,age\n0.08,woman,0.02\n-0.05,man,\n")
        new = cp.data.load_inputs(folder / "new.csv", run.preprocessor)
        heavy, light = cp.load(folder / "run").predict(new)[:, 0]
        print(f"a heavy woman: {heavy:.0f}, a light man of unknown age: {light:.0f}")


if __name__ == "__main__":
    main()
