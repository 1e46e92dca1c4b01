"""Where reports are shown besides their own file: several on one page, one that grows in a browser, in a notebook.

Here belongs what puts whole reports, or parts of them, before somebody's eyes. How they look is in
`appnas.report.page`, what they say in `appnas.report.told`.
"""
