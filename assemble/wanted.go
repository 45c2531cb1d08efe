package assemble

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/apk/solve"
	"github.com/pyimg/pyimg/assemble/runtime"
	"github.com/pyimg/pyimg/layers"
)

// explainNeeds adds to an error of the solver which files of runtimes and wheels want the libraries that cannot be had: nobody
// asked for these by name.
func explainNeeds(err error, parts []runtime.Part, store *layers.Store) error {
	const shown = 3 // files a library
	var solve *solve.Error
	if !errors.As(err, &solve) {
		return err
	}
	var text strings.Builder
	for _, p := range solve.Problems {
		soname, is := strings.CutPrefix(p.Want.Name, "so:")
		if !is {
			continue
		}
		files, ferr := filesNeeding(soname, parts, store)
		if ferr != nil {
			return errors.Join(err, ferr)
		}
		if n := len(files); n > shown {
			files = append(files[:shown], fmt.Sprintf("%d more", n-shown))
		}
		if len(files) > 0 {
			fmt.Fprintf(&text, "\n  %s is needed by %s", soname, strings.Join(files, ", "))
		}
	}
	if text.Len() == 0 {
		return err
	}
	return fmt.Errorf("%w%s; name a repository that has a package for it, or exclude the file", err, text.String())
}

// filesNeeding are the files of runtimes and wheels that need a library by name.
func filesNeeding(soname string, parts []runtime.Part, store *layers.Store) ([]string, error) {
	var files []string
	for _, r := range parts {
		for e, err := range store.Entries(r.Layer) {
			if err != nil {
				return nil, err
			}
			if e.ELF != nil && slices.Contains(e.ELF.Needed, soname) {
				files = append(files, "/"+e.Path()+of(r))
			}
		}
	}
	return files, nil
}

// of names the wheel that a file is from. Of a runtime there are few.
func of(p runtime.Part) string {
	if name, ok := strings.CutPrefix(p.Name, "wheel "); ok {
		return " of the wheel " + name
	}
	return ""
}
