"""Write the parts of the documents that are made from the program's tables: `python -m tests.docs` (`make docs`)."""

from tests.docs import json_schema, man
from tests.docs.parts import ROOT, documents, filled
from tests.docs.tables import TABLES


def main() -> None:
    """Write every document anew of which a part changed, the schema and the manual pages, and name each."""
    if not json_schema.FILE.exists() or json_schema.FILE.read_text(encoding="utf-8") != json_schema.text():
        json_schema.FILE.write_text(json_schema.text(), encoding="utf-8")
        print(f"{json_schema.FILE.relative_to(ROOT)} written")
    for path in documents():
        text = path.read_text(encoding="utf-8")
        new = filled(text, TABLES)
        if new != text:
            path.write_text(new, encoding="utf-8")
            print(f"{path.relative_to(ROOT)} written")
    for path in man.write():  # after the documents, which are in them
        print(f"{path.relative_to(ROOT)} written")


if __name__ == "__main__":
    main()
