"""The ground floor: what the bot stands on. Nothing here imports from above.

Python's own modules are looked for before the files beside main.py, so that none of these can hide
one by its name: `types.py`, say.
"""

import os
import sys

_STANDARD_LIBRARY = os.path.dirname(os.__file__)
PYTHONS_OWN = (
    _STANDARD_LIBRARY,
    os.path.join(_STANDARD_LIBRARY, "lib-dynload"),
    os.path.join(os.path.dirname(_STANDARD_LIBRARY), "DLLs"),  # on Windows
)
sys.path.sort(key=lambda place: place not in PYTHONS_OWN)
