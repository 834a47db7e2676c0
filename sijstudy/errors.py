"""The one exception a user is meant to read: what is wrong, where, and the way out."""


class StudyError(Exception):
    """Bad input or an impossible request.

    The message is one line: it names the offending file, row or value and says what to do.
    The command line prints it without a traceback and exits with status 2.
    """
