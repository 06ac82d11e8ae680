"""What a model's card says of where not to trust it."""

from __future__ import annotations

from collections.abc import Sequence

from models.features import feature_set

_RATERS = (
    "The ratings are those of listeners online, most of them from Western countries: music of other traditions, and "
    "listeners who grew up with it, are not in them."
)
_MEANING = (
    "A reading says what listeners thought the music expresses; it says nothing of what a player or a hall feels."
)
_OF_NOTES = (
    "Harmony and rhythm are measured as tonal music has them: atonal music, tunings other than twelve equal steps, and "
    "music without a pulse are outside of what was learned from.",
    "Drums have no pitch: where there are only drums on a MIDI port, readings stay in the middle.",
)
_OF_LEVEL = (
    "How loud the input comes in counts a little, since a master's level tells how loud music is meant to be: set the "
    "gain before the music begins, and leave it."
)
_WITHOUT_LEVEL = (
    "How loud the input is set is left out on purpose, so that a fader moves nothing; a player who only plays louder "
    "is heard by timbre and dynamics alone."
)
_OF_SOUND = (
    "A voice alone, speech, applause and noise are not in the music that was rated: readings go towards the middle and "
    "the spread widens, which a test holds; what they say then means little.",
    "Drums alone are heard by their spectrum and their beat, without harmony.",
)


def limits(inputs: Sequence[str]) -> list[str]:
    """Where a model on the feature sets ``inputs`` fails or must not be taken at its word, a sentence or two each."""
    if not any(feature_set(name).needs_sound for name in inputs):
        return [_MEANING, _RATERS, *_OF_NOTES]
    return [_MEANING, _RATERS, _OF_LEVEL if "intensity" in inputs else _WITHOUT_LEVEL, *_OF_SOUND]
