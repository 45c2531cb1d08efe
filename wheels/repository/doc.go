// Package repository writes and checks an index of wheels in a folder of static files, which any web server can serve and pip
// and uv install from:
//
//	simple/                     the list of projects, HTML (PEP 503)
//	simple/PROJECT/index.html   the wheels of a project, with yanked ones (PEP 592) and metadata (PEP 658)
//	files/DIGEST/WHEEL          a wheel, and next to it WHEEL.metadata and WHEEL.needs.json
//	records/PROJECT/WHEEL.json  what is known of a wheel: what it was built of
//	status/                     failed builds and their logs
//	manifest.json               every wheel and page with its hash; manifest.json.sigstore.json is its
//	                            signature (cosign verify-blob --bundle)
//
// A file is whole or not there, and no wheel is ever written over: one that is built anew has another DIGEST. Several processes
// may add wheels to one folder at once, and one that is killed leaves nothing that the next one does not mend. The pages and
// the manifest follow from the records alone.
package repository
