module github.com/pyimg/pyimg/internal/foreign

go 1.26.0

require (
	github.com/CycloneDX/cyclonedx-go v0.12.0
	github.com/pyimg/pyimg v0.0.0
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	github.com/spdx/tools-golang v0.5.7
)

require (
	github.com/anchore/go-struct-converter v0.1.0 // indirect
	github.com/github/go-spdx/v2 v2.8.0 // indirect
	golang.org/x/text v0.14.0 // indirect
)

replace github.com/pyimg/pyimg => ../..
