"""The command line: parses, calls, prints. What the commands do is in ``realtime`` and ``offline``."""

from __future__ import annotations

import errno
import os
import signal
import sys
from copy import copy
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.errors import MoodringError, UsageError
from realtime import completion
from realtime.drivers import hush_drivers
from realtime.outlet_options import Json, OscOnly, PerformingCommand, with_outlets
from realtime.outlets import Outlets

if TYPE_CHECKING:
    from realtime.sources import Played

app = typer.Typer(
    name="moodring",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
models_app = typer.Typer(help="The models that are installed.\n\nExample: moodring models list")
app.add_typer(models_app, name="models")
osc_app = typer.Typer(help="Look at OSC, and try a receiver without music.\n\nExample: moodring osc monitor 9000")
app.add_typer(osc_app, name="osc")

#: Readings a second on stage, where nothing else is asked for.
LIVE_RATE_HZ = 10.0

#: Commands that work on large matrices.
_LEARNING = ("train", "study", "ablate", "evaluate", "adapt")

_stop = Flag()

#: What the argument parser raises for a wrong command line; it has no public name.
_click_error: Any = typer.BadParameter.__mro__[2]

#: An argument that names a model.
_A_MODEL: dict[str, Any] = {"autocompletion": completion.model_names, "help": "A model by name or folder."}
Model = Annotated[
    str | None,
    typer.Option(
        autocompletion=completion.model_names, help="Model by name or folder; default: the best for the source."
    ),
]
Rate = Annotated[float, typer.Option(help="Readings a second.")]
ALL_CORES = os.cpu_count() or 1
Jobs = Annotated[int, typer.Option(min=1, help="Processes to share the work.")]
AudioOffset = Annotated[float, typer.Option(help="Seconds into DEAM's clips at which the sound files begin.")]
Scheduler = Annotated[str | None, typer.Option(metavar="tcp://…", help="Share the work on a Dask cluster.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
TrainingJobs = Annotated[int, typer.Option(min=1, help="Folds to train at the same time.")]
Fast = Annotated[bool, typer.Option("--fast", help="As fast as the machine can instead of in real time.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        print(f"moodring {metadata.version('moodring')}")
        raise typer.Exit


@app.callback()
def moodring(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere.")] = False,
) -> None:
    """Live emotion tracking for music: valence and arousal from a microphone, a MIDI port or a file.

    With NO_COLOR in the environment nothing is coloured; FORCE_COLOR brings colours where the output is no terminal.

    Example: moodring demo
    """


@app.command(cls=PerformingCommand)
@with_outlets
def demo(outlets: Outlets, fast: Fast = False, model: Model = None, rate: Rate = LIVE_RATE_HZ) -> None:
    """The whole pipeline on a built-in piece. No microphone, no keyboard, no sound card needed.

    Example: moodring demo
    """
    from realtime.demo import PARTS, RECORDING
    from realtime.performing import perform
    from realtime.sources.audio_file import AudioFile

    def announce(time_s: float) -> str:
        return next((f"this part is meant to be {p.name.value}" for p in PARTS if time_s <= p.end_s), "")

    source = AudioFile(RECORDING)
    source.name = "demo"
    perform(_paced(source, fast=fast), model=model, rate_hz=rate, outlets=outlets, stop=_stop, announce=announce)


@app.command(cls=PerformingCommand)
@with_outlets
def live(
    outlets: Outlets,
    mic: Annotated[
        list[str] | None, typer.Option(metavar="[DEVICE]", help="Listen to a sound input (default).")
    ] = None,
    midi: Annotated[
        list[str] | None, typer.Option(metavar="[PORT]", help="Listen to a MIDI port; may be repeated.")
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="PATH", help="Play a sound or MIDI file.")] = None,
    mute: Annotated[
        str | None, typer.Option(metavar="CHANNEL,…", help="MIDI channels to ignore, 1 to 16; 10 is the drums.")
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(metavar="NUMBER,…", help="Channels of the sound input, from 1; default: the first two."),
    ] = None,
    model: Model = None,
    rate: Annotated[float | None, typer.Option(help=f"Readings a second; default: {LIVE_RATE_HZ:g}.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Learn the noise of the room in the first five seconds.")
    ] = False,
    remember: Annotated[
        bool, typer.Option("--remember", help="Take these inputs and settings from now on where none are given.")
    ] = False,
    fast: Fast = False,
) -> None:
    """Follow a microphone, MIDI ports, both together, or a file. It ends with q or Ctrl-C.

    Example: moodring live --mic Scarlett --midi Piano --osc 127.0.0.1:9000
    """
    from realtime.performing import perform
    from realtime.wishes import Wishes, remembered

    wishes = Wishes(
        mic=mic, midi=midi, file=file, mute=mute, channels=channels, model=model, rate_hz=rate, outlets=outlets
    )
    if fast and not file:
        raise UsageError("--fast is for files: a microphone and a MIDI port have a pace of their own")
    wishes.check()
    wishes = remembered(wishes, given=sys.argv, remember=remember)
    perform(
        _paced(wishes.open_file(), fast=fast) if file else wishes.open_inputs(hush_drivers),
        model=wishes.model,
        rate_hz=wishes.rate_hz or LIVE_RATE_HZ,
        outlets=wishes.outlets,
        stop=_stop,
        calibrates=calibrate,
    )


@app.command(cls=PerformingCommand)
@with_outlets
def replay(
    outlets: Outlets,
    session: Annotated[Path, typer.Argument(metavar="SESSION", help="What --record wrote.")],
    fast: Fast = False,
    model: Model = None,
    rate: Annotated[float | None, typer.Option(help="Readings a second; default: as recorded.")] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Hide what is predicted, to rate without being led.")] = False,
) -> None:
    """Play a recorded session again. With the same model and rate the readings are those of then, to the bit.

    Example: moodring replay concert.jsonl --model notes --osc 127.0.0.1:9000
    """
    from realtime.replaying import perform_again

    perform_again(session, model=model, rate_hz=rate, outlets=outlets, stop=_stop, is_blind=blind, is_fast=fast)


@app.command()
def devices(
    as_json: Json = False,
    levels: Annotated[bool, typer.Option("--levels", help="Show how loud each is right now, until Ctrl-C.")] = False,
) -> None:
    """List the inputs that 'live' can listen to.

    Example: moodring devices --levels
    """
    from realtime.listing import list_devices, show_levels

    hush_drivers()
    if levels:
        show_levels(as_json=as_json)
        return
    for line in list_devices(as_json=as_json):
        print(line)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check what 'live' needs on this machine. Inputs, models, speed, terminal; status 1 if it cannot run.

    Example: moodring doctor
    """
    from realtime.doctor import examine, is_fit, report

    hush_drivers()
    findings = list(examine(rate_hz=LIVE_RATE_HZ))
    for line in report(findings, as_json=as_json):
        print(line)
    if not is_fit(findings):
        raise typer.Exit(1)


@app.command()
def analyze(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Sound or MIDI files, folders of them, or patterns.")
    ],
    as_json: Json = False,
    readings: Annotated[bool, typer.Option("--readings", help="Print every reading too.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", metavar="DIR", help="Write readings, summaries and pictures there.")
    ] = None,
    model: Model = None,
    jobs: Jobs = ALL_CORES,
) -> None:
    """Analyze files at full speed. One summary each, with -o also CSV and pictures.

    Example: moodring analyze concert.flac etude.mid takes/ -o analysis
    """
    from realtime.analyze_command import analyze_and_tell

    failures = analyze_and_tell(files, model=model, output=output, jobs=jobs, as_json=as_json, with_readings=readings)
    for failure in failures:
        _complain(failure)
    if failures:
        raise typer.Exit(1)


@app.command()
def plot(
    sessions: Annotated[
        list[Path], typer.Argument(metavar="SESSION...", help="Recordings, or what 'live --json' printed.")
    ],
    output: Annotated[Path, typer.Option("-o", metavar="DIR", help="Write readings, summaries and pictures there.")],
) -> None:
    """Draw recordings as 'analyze -o' draws files.

    Example: moodring plot concert.jsonl -o analysis
    """
    from realtime.analyze_command import plot_and_tell

    failures = plot_and_tell(sessions, output=output)
    for failure in failures:
        _complain(failure)
    if failures:
        raise typer.Exit(1)


@app.command()
def prepare(
    corpus: Annotated[
        str, typer.Argument(help="deam, vgmidi, csv for a table of your own, or sessions for your recordings.")
    ],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The corpus's folder.")],
    output: Annotated[Path, typer.Option("-o", metavar="DATASET", help="The dataset to write (Parquet).")],
    jobs: Jobs = ALL_CORES,
    scheduler: Scheduler = None,
    audio_offset: AudioOffset = 0.0,
    labels: Annotated[str, typer.Option(help="corrected or as-published.")] = "corrected",
    features: Annotated[str, typer.Option(metavar="SET,…", help="Feature sets, or all.")] = "notes22",
    window: Annotated[float, typer.Option(min=1.0, help="Seconds that a reading looks back.")] = 10.0,
    condition: Annotated[
        str, typer.Option(help="Heard clean, or quiet, in noise, through a band, in a room, or varied.")
    ] = "clean",
    draw: Annotated[int, typer.Option(min=1, help="Which draw of 'varied', noise and room.")] = 1,
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Only every Nth piece.")] = 1,
    played: Annotated[bool, typer.Option("--played", help="MIDI as sound, played by FluidSynth.")] = False,
    excerpts: Annotated[
        float | None, typer.Option(min=1.0, metavar="S", help="Longer pieces as excerpts of S seconds.")
    ] = None,
    rater: Annotated[str | None, typer.Option(help="Of sessions, what this rater said alone.")] = None,
) -> None:
    """Turn a rated corpus into a dataset. It is heard by the code that listens live. Needs the extra 'offline'.

    Example: moodring prepare deam ~/DEAM -o deam.parquet
    """
    _need_offline()
    from offline.commands import prepare_corpus

    if labels not in ("corrected", "as-published"):
        raise UsageError(f"--labels must be corrected or as-published, not '{labels}'")
    failed = prepare_corpus(
        corpus,
        path,
        output,
        jobs=jobs,
        scheduler=scheduler,
        audio_offset_s=audio_offset,
        as_published=labels == "as-published",
        features=features,
        window_s=window,
        condition=condition,
        draw=draw,
        every=every,
        is_played=played,
        excerpt_s=excerpts,
        rater=rater,
    )
    for error in failed:
        _complain(error)


@app.command()
def audit(
    corpus: Annotated[
        str, typer.Argument(help="deam, vgmidi, csv for a table of your own, or sessions for your recordings.")
    ],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The corpus's folder or zip.")],
    audio_offset: AudioOffset = 0.0,
    as_json: Json = False,
) -> None:
    """Say what is wrong with a corpus before anyone trains on it. Needs the extra 'offline'.

    Example: moodring audit deam ~/DEAM
    """
    _need_offline()
    from offline.commands import audit_corpus

    for line in audit_corpus(corpus, path, audio_offset_s=audio_offset, as_json=as_json):
        print(line)


@app.command()
def train(
    datasets: Annotated[list[Path], typer.Argument(metavar="DATASET...", help="What 'prepare' wrote.")],
    output: Annotated[Path, typer.Option("-o", metavar="BUNDLE", help="The bundle folder to write.")],
    arch: Annotated[str, typer.Option(help="rnn, cnn, dense or kernel.")] = "rnn",
    features: Annotated[str, typer.Option(metavar="SET,…", help="Feature sets; default: those of the network.")] = "",
    teacher: Annotated[
        str | None, typer.Option(metavar="BUNDLE", help="A model to learn from beside the labels.")
    ] = None,
    varied: Annotated[
        list[Path] | None, typer.Option(metavar="DATASET", help="The same pieces heard otherwise, to learn from too.")
    ] = None,
    judge: Annotated[
        list[Path] | None, typer.Option(metavar="DATASET", help="The same pieces heard otherwise, to judge by too.")
    ] = None,
    weight: Annotated[
        list[float] | None, typer.Option(metavar="N", help="What a piece counts, once for each dataset; default: 1.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Judge by the pieces named in FILE, one a line; no folds.")
    ] = None,
    search: Annotated[int, typer.Option(min=0, metavar="N", help="Try N other settings in every fold.")] = 0,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the cross-validation.")] = 5,
    seed: Seed = 1,
    jobs: TrainingJobs = 1,
    scheduler: Scheduler = None,
) -> None:
    """Train a model, judged by folds, and export it to ONNX. Folds share no group. Needs the extra 'offline'.

    Example: moodring train deam.parquet --arch rnn -o my-rnn
    """
    _need_offline()
    from offline.recipe import Recipe
    from offline.train_commands import train_bundle

    recipe = Recipe(arch, seed=seed, folds=folds)
    train_bundle(
        datasets,
        output,
        recipe=recipe,
        inputs=_listed(features),
        teacher=teacher,
        varied=varied or [],
        judged=judge or [],
        weights=tuple(weight or ()),
        test=test,
        search=search,
        jobs=jobs,
        scheduler=scheduler,
    )


@app.command()
def adapt(
    base: Annotated[str, typer.Argument(metavar="BASE", **_A_MODEL)],
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Your ratings, as 'prepare sessions' wrote them.")],
    output: Annotated[Path, typer.Option("-o", metavar="BUNDLE", help="The bundle folder to write.")],
    rater: Annotated[str | None, typer.Option(help="Learn from this rater alone.")] = None,
    seed: Seed = 1,
) -> None:
    """Teach a model your own ratings. Writes nothing that is not better on sessions left out. Needs 'offline'.

    Example: moodring adapt notes mine.parquet -o mine
    """
    _need_offline()
    from offline.adapt_command import adapt as teach

    for line in teach(base, dataset, output, rater=rater, seed=seed):
        print(line)


@app.command()
def study(
    datasets: Annotated[list[Path], typer.Argument(metavar="DATASET...", help="What 'prepare' wrote.")],
    seed: Seed = 1,
    jobs: TrainingJobs = 1,
    scheduler: Scheduler = None,
) -> None:
    """Compare the networks of the study on the same folds. That is rnn, cnn, dense and dense with a teacher, in a
    Markdown table. Needs the extra 'offline'.

    Example: moodring study deam.parquet deam-as-published.parquet
    """
    _need_offline()
    from offline.train_commands import print_study

    for line in print_study(datasets, seed=seed, jobs=jobs, scheduler=scheduler):
        print(line)


@app.command()
def ablate(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="What 'prepare' wrote.")],
    features: Annotated[str, typer.Option(metavar="SET,…", help="Feature sets; default: all but notes22.")] = "",
    seed: Seed = 1,
) -> None:
    """Say what each feature set is worth. Alone and to the others, in a Markdown table. Needs the extra 'offline'.

    Example: moodring ablate deam.parquet
    """
    _need_offline()
    from offline.train_commands import print_ablation

    for line in print_ablation(dataset, features=_listed(features), seed=seed):
        print(line)


@app.command()
def evaluate(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", **_A_MODEL)],
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="What 'prepare' wrote.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with everything and its plots.")
    ] = None,
) -> None:
    """Say how good a model is on music that it was not trained on. Needs the extra 'offline'.

    Example: moodring evaluate seed-rnn vgmidi.parquet --html seed-rnn.html
    """
    _need_offline()
    from offline.evaluate_commands import evaluate_bundle

    for line in evaluate_bundle(bundle, dataset, as_json=as_json, html=html):
        print(line)


@osc_app.command("monitor")
def osc_monitor(
    port: Annotated[int, typer.Argument(help="The UDP port to listen at.")] = 9000,
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 is the whole network.")] = "127.0.0.1",
) -> None:
    """Show what OSC arrives at a port, and how often.

    Example: moodring osc monitor 9000
    """
    from realtime.osc_commands import monitor

    monitor(port, host=host, stop=_stop)


@osc_app.command("test")
def osc_test(
    targets: Annotated[list[str], typer.Argument(metavar="HOST:PORT...", help="Where to send.")],
    only: OscOnly = None,
    rate: Annotated[float, typer.Option(help="Messages a second.")] = 60.0,
    seconds: Annotated[float | None, typer.Option(help="How long; default: until Ctrl-C.")] = None,
    prefix: Annotated[str, typer.Option(help="What addresses begin with.")] = "/moodring",
    template: Annotated[str | None, typer.Option(help="Addresses with {address} or {name} in them.")] = None,
    bundles: Annotated[bool, typer.Option("--bundles", help="Bundles with the sound's time.")] = False,
) -> None:
    """Send a known sweep around the circumplex. With it a patch is built without music.

    Example: moodring osc test 127.0.0.1:9000 --only valence
    """
    from realtime.osc_commands import send_test
    from realtime.outputs.osc import parse_target

    send_test(
        [parse_target(target) for target in targets],
        rate_hz=rate,
        only=only or (),
        seconds=seconds,
        prefix=prefix,
        template=template,
        bundles=bundles,
        stop=_stop,
    )


@osc_app.command("addresses")
def osc_addresses(as_json: Json = False) -> None:
    """List the addresses that are sent, with their ranges and units.

    Example: moodring osc addresses --json
    """
    from realtime.outputs.osc.listing import addresses_json, addresses_markdown

    print(addresses_json() if as_json else addresses_markdown())


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """List the models by name.

    Example: moodring models list
    """
    from realtime.listing import list_models

    for line in list_models(as_json=as_json):
        print(line)


@models_app.command("show")
def models_show(
    name: Annotated[str, typer.Argument(metavar="NAME", **_A_MODEL)],
    as_json: Json = False,
) -> None:
    """Show a model's card: what it was trained on and how good it is.

    Example: moodring models show seed-rnn
    """
    from realtime.listing import show_model

    for line in show_model(name, as_json=as_json):
        print(line)


@models_app.command("install")
def models_install(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A bundle's folder, as 'train' writes it, or its zip.")],
    name: Annotated[str | None, typer.Option(help="What to call it; default: what its card says.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the installed model of that name.")] = False,
) -> None:
    """Check a bundle and install it for this user. Its ONNX networks are run against Keras's outputs, too.

    Example: moodring models install my-rnn
    """
    from models.installing import install

    print(install(path, name=name, instead=replace))


@models_app.command("remove")
def models_remove(
    name: Annotated[
        str, typer.Argument(metavar="NAME", autocompletion=completion.model_names, help="A model by name.")
    ],
) -> None:
    """Remove a model that was installed.

    Example: moodring models remove my-rnn
    """
    from models.installing import remove

    print(f"removed {name}{'; the one that ships is used again' if remove(name) else ''}")


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _paced(source: Played, *, fast: bool) -> Played:
    from realtime.sources.paced import Paced

    return source if fast else Paced(source)


def _need_offline() -> None:
    from importlib.util import find_spec

    for package in ("tensorflow", "tf2onnx", "sklearn", "pyarrow", "matplotlib"):
        if find_spec(package) is None:
            raise MoodringError(f"{package} is missing: install moodring with its extra, 'moodring[offline]'")


def _complain(error: Exception) -> None:
    print(f"moodring: {' '.join(str(error).split())}", file=sys.stderr)


def main() -> None:
    """The entry point: every error that is meant for the user becomes one line and an exit status."""
    if sys.stdout is None:  # closed by the shell, as ">&-" does
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    if "_MOODRING_COMPLETE" in os.environ:  # a shell asks what could follow
        app(prog_name="moodring")
    debug = "--debug" in sys.argv
    arguments = [word for word in sys.argv[1:] if word != "--debug"] or ["--help"]

    if arguments[0] not in _LEARNING:
        # What runs beside other programs pays for threads of linear algebra: they wait for one another by spinning, and
        # on a busy machine small products took four times the processor. To be set before NumPy is loaded.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    def end(number: int, frame: Any) -> None:
        # A window that closes may hang up twice, by its shell too; that must not cut off what the first time began.
        if not _stop.is_set():
            _interrupt(number, frame)

    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, end)
    # A terminal that is closed hangs up, which "nohup" has asked to ignore; Windows has no such signal.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, end)
    command = typer.main.get_command(_app_for(arguments[0]))
    try:
        # Not app(): that would turn Ctrl-C and a broken pipe into exit statuses of its own.
        with command.make_context("moodring", arguments) as context:
            command.invoke(context)
        print(end="", flush=True)  # here, where it is told of when the disk is full
    except typer.Exit as exit_request:
        sys.exit(exit_request.exit_code)
    except MoodringError as error:
        if debug:
            raise
        _complain(error)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        print("moodring: stopped", file=sys.stderr)
    except OSError as error:
        # A reader that has gone, as after "| head", or a terminal that was closed (EIO) end it without a word.
        gone = isinstance(error, BrokenPipeError) or error.errno == errno.EIO
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not gone and (debug or not full):
            raise
        # What Python would still flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if full:
            print(f"moodring: cannot write: {error.strerror}", file=sys.stderr)
            sys.exit(1)
    except _click_error as error:
        if debug:
            raise
        message = " ".join(error.format_message().split()).rstrip(".")
        # An option that lacks its value is told of without where.
        where = getattr(error, "ctx", None)
        command_path = f"moodring {arguments[0]}" if where is None else where.command_path
        print(f"moodring: {message}; see '{command_path} --help'", file=sys.stderr)
        sys.exit(2)


def _app_for(word: str) -> typer.Typer:
    """The app with nothing but the command or group called ``word``, where there is one; else all of it.

    Typer looks at every option of every command before it runs one, which takes longer than many commands do.
    """
    commands = [known for known in app.registered_commands if _called(known) == word]
    groups = [known for known in app.registered_groups if known.name == word]
    if not commands and not groups:
        return app
    alone = copy(app)
    alone.registered_commands, alone.registered_groups = commands, groups
    return alone


def _called(command: typer.models.CommandInfo) -> str:
    assert command.callback is not None
    return command.name or typer.main.get_command_name(command.callback.__name__)


def _interrupt(number: int, frame: Any) -> None:
    """The first Ctrl-C asks the session to stop at its next turn; what is no session, or a second one, is cut off."""
    from_session = "realtime.session" in sys.modules and not _stop.is_set()
    _stop.set()
    if not from_session:
        raise KeyboardInterrupt


if __name__ == "__main__":
    main()
