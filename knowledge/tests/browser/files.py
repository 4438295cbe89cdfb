"""Small documents that the tests upload, each with one fact that no other has."""

from docx.document import Document

from documents.tests import made_files

PDF = made_files.pdf(
    [
        made_files.column("Workshop rules", "", "Everybody wears a badge in the workshop."),
        made_files.column(
            "The Kestrel workshop opens at 07:15 on Tuesdays.",
            "The key to its tool cabinet is kept at the gatehouse.",
        ),
    ],
    title="Workshop rules",
)
MARKDOWN = b"# Canteen\n\nThe soup of the Wagtail canteen costs 3.40 euros on Fridays.\n"
TEXT = b"The archive of the Heron building is locked with the code word marzipan.\n"
PLOVER = b"The Plover depot closes at 18:40. The key of the Plover depot is with Amara Voss.\n"
DUNLIN = b"The Dunlin depot closes at 21:10. The key of the Dunlin depot is with Teodor Hale.\n"


def _write(document: Document) -> None:
    document.add_heading("Bicycles", level=1)
    document.add_paragraph("The Lapwing bicycle room has space for 84 bicycles.")
    document.add_paragraph("Its door is repaired by the caretaker, Odalys Brunt.")


DOCX = made_files.docx(_write)
