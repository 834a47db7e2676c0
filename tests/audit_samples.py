"""What tests ask of an audit."""


def sentences(audit, topic):
    """The findings on a topic, a line each."""
    return [f"{one.grade}: {one.sentence} {one.where}" for one in audit.findings if one.topic == topic]
