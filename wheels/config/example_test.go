package config_test

import (
	"fmt"

	"github.com/pyimg/pyimg/wheels/config"
)

// Parse reads a wheels.yaml. It is strict: a key that it does not know is an error.
func ExampleParse() {
	c, err := config.Parse("wheels.yaml", []byte(`
pythons: [{source: "cpython-{alpine_arch}.tar.gz"}]
platforms: [linux/arm64, linux/amd64]
wanted: {packages: ["tornado>=6"]}
sources: [https://pypi.example.com/simple/]
index: ./index
builder:
  alpine: {branch: v3.20, repositories: [main]}
  packages: [build-base]
packages:
  tornado: {env: {CFLAGS: -O1}}
  broken: {skip: does not compile on musl}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Platforms, c.Wanted.Packages, c.Index)
	fmt.Println(c.For("tornado").Env["CFLAGS"])
	fmt.Println(c.For("broken").Skip)
	// Output:
	// [linux/amd64 linux/arm64] [tornado>=6] ./index
	// -O1
	// does not compile on musl
}
