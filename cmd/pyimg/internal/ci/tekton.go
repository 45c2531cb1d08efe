package ci

import (
	"strings"

	"github.com/pyimg/pyimg/push"
)

// maxTektonImages bounds the result IMAGES: all results of a task share 4 KiB.
const maxTektonImages = 2 << 10

// Tekton returns results by the names that Tekton Chains looks for. A result is a file without a line's end.
func Tekton(r push.Result) map[string]string {
	files := map[string]string{"IMAGE_DIGEST": r.Digest}
	if len(r.Refs) > 0 {
		files["IMAGE_URL"] = strings.TrimSuffix(r.Refs[0], "@"+r.Digest)
		files["IMAGES"] = strings.Join(bounded(r.Refs), ",")
	}
	return files
}

// bounded are as many of the references as the result IMAGES may have.
func bounded(refs []string) []string {
	size := 0
	for n, ref := range refs {
		if size += len(ref) + 1; size-1 > maxTektonImages {
			return refs[:n]
		}
	}
	return refs
}
