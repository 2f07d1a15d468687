# SPDX-License-Identifier: Apache-2.0
"""Python imports this by itself when its directory is in PYTHONPATH."""
import coffer_hummingbot  # noqa: F401  pylint: disable=unused-import
