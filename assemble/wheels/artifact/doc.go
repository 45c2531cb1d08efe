// Package artifact reads an index of wheels that is an artifact of a registry, which package wheels/registry writes:
//
//	index, of IndexType                what a tag names
//	  manifest of ListType             the first one
//	    manifest.json                  every wheel with its SHA-256, as in a folder; see wheels/repository
//	    manifest.json.sigstore.json    its signature, if a key signs the index
//	  manifests of FilesType           for each machine, and for wheels that run on any
//	    WHEEL, WHEEL.metadata          as layers
//
// A reader needs the index, the list and nothing else to choose wheels: three requests. A wheel and its METADATA are blobs by the
// SHA-256 that the list has. The manifests of FilesType hold these blobs in the registry, and are for people and other tools.
package artifact
