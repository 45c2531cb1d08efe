package requirements_test

import (
	"fmt"

	"github.com/pyimg/pyimg/wheel/requirements"
)

// Parse reads requirements files and those that they include. The caller reads the files.
func ExampleParse() {
	texts := map[string]string{
		"requirements.txt": "-c constraints.txt\ndemo[cli]\nother==2.0; python_version >= '3.8'\n",
		"constraints.txt":  "demo==1.0\n",
	}
	set, err := requirements.Parse([]string{"requirements.txt"}, func(name string) ([]byte, error) {
		return []byte(texts[name]), nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range set.Wanted() {
		fmt.Println(w.At, w.Requirement.Name, w.Requirement.Extras, w.Constraint)
	}
	// Output:
	// constraints.txt:1 demo [] true
	// requirements.txt:2 demo [cli] false
	// requirements.txt:3 other [] false
}
