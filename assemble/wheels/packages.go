package wheels

import (
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
)

// CheckPackages refuses wheels that would replace a file of an Alpine package, or bring a distribution that a package has in the same
// folder of modules: apk and pip would both take the files for theirs. files yields each package's files.
func CheckPackages(ws []Wheel, s Site, files iter.Seq2[string, string]) error {
	if len(ws) == 0 {
		return nil
	}
	brings, distributions := make(map[string]string), make(map[string]string) // wheels by path and by project
	for _, w := range ws {
		distributions[w.Name()] = w.Filename.Text
		for _, f := range w.Plan.Files {
			brings[f.Path] = w.Filename.Text
		}
	}
	var errs []error
	said := make(map[string]bool) // by package and wheel: its files say the same
	for at, owner := range files {
		wheel, same := brings[at]
		info := path.Base(path.Dir(at))
		installed := strings.HasSuffix(info, ".dist-info") || strings.HasSuffix(info, ".egg-info")
		if installed && slices.Contains([]string{s.Scheme.Purelib, s.Scheme.Platlib}, path.Dir(path.Dir(at))) && distributions[distribution(info)] != "" {
			wheel = distributions[distribution(info)]
		}
		if wheel == "" || said[owner+"\n"+wheel] {
			continue
		}
		said[owner+"\n"+wheel] = true
		if same {
			errs = append(errs, fmt.Errorf("wheel %q would replace /%s of the package %s: leave one of them out, or set python.target", wheel, at, owner))
			continue
		}
		errs = append(errs, fmt.Errorf("wheel %q brings what the package %s has installed already (/%s): leave one of them out, or set python.target", wheel, owner, path.Dir(at)))
	}
	if len(errs) == 0 {
		return nil
	}
	return &WheelError{errors.Join(errs...)}
}
