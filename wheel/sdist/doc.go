// Package sdist reads source distributions (PEP 517, 625): a tar or zip file with
// one folder NAME-VERSION. It finds out which project and version a file is, and
// what its build needs: the table [build-system] of pyproject.toml (PEP 518).
//
// It unpacks nothing to disk and runs nothing. Names that lead out of the folder,
// devices, and archives of more members or bytes than a project has are refused.
package sdist
