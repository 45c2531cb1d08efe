package supply_test

import (
	"context"
	"fmt"

	"github.com/pyimg/pyimg/assemble/bundle/supply"
	"github.com/pyimg/pyimg/wheel/index"
	"github.com/pyimg/pyimg/wheel/version"
)

// A source has what was chosen of an index, so that the same is chosen where that index is not.
func ExampleSource_List() {
	v, err := version.Parse("2.1.5")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := supply.Source{Name: "https://pypi.org/simple/"}
	s.Add("markupsafe", supply.SdistFile(index.Sdist{File: "MarkupSafe-2.1.5.tar.gz", Project: "markupsafe", Version: v}, ""))
	l, found, err := s.List(context.Background(), "MarkupSafe")
	fmt.Println(found, err, l.Sdists[0].File, l.Sdists[0].Version)
	// Output: true <nil> MarkupSafe-2.1.5.tar.gz 2.1.5
}
