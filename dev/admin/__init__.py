"""Commands of an operator for a stage: keys, blocked hosts, files, replays."""
