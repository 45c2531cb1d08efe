package tag_test

import (
	"fmt"

	"github.com/pyimg/pyimg/wheel/tag"
)

// A Set has the tags that one Python takes. It chooses among the wheels of one version.
func ExampleSet_Best() {
	set := tag.NewSet([]string{"cp313-cp313-musllinux_1_2_x86_64", "py3-none-any"}) // the best tag first
	var files []tag.Filename
	for _, name := range []string{
		"demo-1.0-py2.py3-none-any.whl",
		"demo-1.0-cp313-cp313-musllinux_1_2_x86_64.whl",
		"demo-1.0-cp313-cp313-win_amd64.whl",
	} {
		f, err := tag.ParseFilename(name)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(f.Name, f.Version, f.Tags, set.Fits(f))
		files = append(files, f)
	}
	fmt.Println("best:", files[set.Best(files)].Text)
	// Output:
	// demo 1.0 [py2-none-any py3-none-any] true
	// demo 1.0 [cp313-cp313-musllinux_1_2_x86_64] true
	// demo 1.0 [cp313-cp313-win_amd64] false
	// best: demo-1.0-cp313-cp313-musllinux_1_2_x86_64.whl
}
