"""Records in, records out: formats, field detection, reader, quarantine, writer, manifest, undo."""
