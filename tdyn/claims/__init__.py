"""Claims are data: what a paper says, how it is measured, and the verdict.

A chapter's claims stand in one YAML file. The chapter measures each by its id: values over the
seeds go in, and the verdict follows from the bands written in the file, never from the code of the
chapter. A criterion holds if the values lie in its band: each of them, their mean, or their median.
The verdict is then

* ``holds`` if all criteria hold,
* ``partly`` if some do,
* ``does not hold`` if none does,
* ``not testable here`` if the file states no criterion,
* ``control failed`` if a control leaves its band, whatever the criteria say, and
* ``not measured here`` if the chapter skipped it because data named by ``needs`` are missing.
"""

from tdyn.claims.model import Claim, Criterion, claims_file, read_claims
from tdyn.claims.table import Row, Table, open_table, output_folder

__all__ = [
    "Claim",
    "Criterion",
    "Row",
    "Table",
    "claims_file",
    "open_table",
    "output_folder",
    "read_claims",
]
