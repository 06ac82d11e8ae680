"""The live side: sources, streaming transcription, the tracker, the session around it, and the outputs."""
