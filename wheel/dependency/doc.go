// Package dependency reads dependency specifiers (PEP 508): "name[extra]>=1; marker",
// and evaluates their markers for the Python of an image.
//
// An Environment is a value that the caller fills in from what the image holds;
// nothing is asked of the machine that builds. Names are compared as PEP 503 and
// PEP 685 say: see Normalize. PEP 751's markers (extras, dependency_groups) are
// known where the Environment is a lock's.
package dependency
