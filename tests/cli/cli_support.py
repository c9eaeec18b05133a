"""What the tests of the command line share."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("CODERUNR_BUILD", ROOT / "build/test")) / "coderunr"


def one_sentence(text):
    """An error is one line that says who speaks."""
    return text.startswith("coderunr: ") and text.count("\n") == 1 and text.endswith("\n")
