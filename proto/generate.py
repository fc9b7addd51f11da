"""Generate the Python code of the protocol: ``python proto/generate.py [--check]``.

Writes ``*_pb2.py``, ``*_pb2.pyi`` and ``*_pb2_grpc.py`` with its typed stubs into
``sdks/python/roomd/v1``. ``--check`` generates into a temporary folder and fails when
what is committed differs, so that nobody edits generated code or forgets to run this.
"""

from __future__ import annotations

import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
TARGET = ROOT / "sdks" / "python" / "roomd" / "v1"
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def generate(out: Path) -> None:
    """Run protoc with the Python, stub and gRPC plugins into ``out``.

    Raises:
        SystemExit: protoc refused a file; its own message is printed above.
    """
    include = Path(protoc.__file__).parent / "_proto"
    sources = sorted(str(path) for path in PROTO.rglob("*.proto"))
    status = protoc.main(
        [
            "protoc",
            f"-I{PROTO}",
            f"-I{include}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            f"--plugin=protoc-gen-mypy_grpc={Path(sys.executable).parent / 'protoc-gen-mypy_grpc'}",
            f"--mypy_grpc_out=only_async:{out}",
            *sources,
        ]
    )
    if status:
        raise SystemExit(status)


def files(folder: Path) -> set[str]:
    """Name the generated files in ``folder``; gRPC code only where there is a service."""
    names = {path.name for pattern in GENERATED for path in folder.glob(pattern)}
    return {name for name in names if "_pb2_grpc" not in name or "_service_" in name}


def main() -> int:
    """Generate, or compare; 0 when all is well."""
    with tempfile.TemporaryDirectory() as temporary:
        generate(Path(temporary))
        fresh = Path(temporary) / "roomd" / "v1"
        names = files(fresh)
        if "--check" in sys.argv:
            stale = files(TARGET) ^ names
            _, differing, missing = filecmp.cmpfiles(fresh, TARGET, names, shallow=False)
            stale |= set(differing) | set(missing)
            if stale:
                print("generated code is not current; run: python proto/generate.py")
                print("\n".join(sorted(stale)))
                return 1
            print(f"generated code is current: {len(names)} files")
            return 0
        TARGET.mkdir(parents=True, exist_ok=True)
        for name in files(TARGET):
            (TARGET / name).unlink()
        for name in names:
            shutil.copy(fresh / name, TARGET / name)
        print(f"generated {len(names)} files into {TARGET.relative_to(ROOT)}")
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
