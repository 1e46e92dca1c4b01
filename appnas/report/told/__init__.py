"""What a report tells besides its figures: the checklist, the tables, how to use what was found and repeat the run.

Here belongs what turns a story into words and rows of a page. The verdict and the big numbers are in
`appnas.report.findings`, the look of a page is in `appnas.report.page`.
"""
