package dockerfile_test

import (
	"fmt"
	"log"

	"github.com/pyimg/pyimg/assemble/draft/dockerfile"
)

// A Dockerfile has stages with instructions.
func Example() {
	f, err := dockerfile.Parse([]byte("FROM python:3.13-alpine AS app\nRUN apk add \\\n  curl\nCMD [\"python3\", \"-m\", \"app\"]\n"))
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range f.Stages {
		fmt.Println(s.Name, s.Base)
		for _, i := range s.Instructions {
			fmt.Println(i.Line, i.Keyword, i.Text, len(i.List))
		}
	}
	// Output:
	// app python:3.13-alpine
	// 2 RUN apk add   curl 0
	// 4 CMD ["python3", "-m", "app"] 3
}
