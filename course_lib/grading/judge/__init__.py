"""One submission, judged: its code in a locked worker, the tests here."""
