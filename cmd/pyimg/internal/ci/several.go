package ci

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pyimg/pyimg/internal/termtext"
	"github.com/pyimg/pyimg/push"
)

// An Image is one of several that a command made, or could not make.
type Image struct {
	Key    string // by which results of several images are found
	Spec   string
	Result push.Result
	Fault  string // why there is no result; "" where there is one
}

// Refs are the references of all images, in their order.
func Refs(images []Image) []string {
	var refs []string
	for _, i := range images {
		refs = append(refs, i.Result.Refs...)
	}
	return refs
}

// MetadataOf is the metadata of those images that were made, by their keys: what docker buildx bake writes for its targets.
func MetadataOf(images []Image) (map[string]Metadata, error) {
	all := map[string]Metadata{}
	for _, i := range images {
		if i.Fault != "" {
			continue
		}
		m, err := NewMetadata(i.Result)
		if err != nil {
			return nil, err
		}
		all[i.Key] = m
	}
	return all, nil
}

// TektonOf returns the result IMAGES of several images: the other results are of one. It also returns how many references it has.
func TektonOf(images []Image) (files map[string]string, named int) {
	refs := bounded(Refs(images))
	return map[string]string{"IMAGES": strings.Join(refs, ",")}, len(refs)
}

// GitHubOf adds outputs and a summary of several images to the files that GitHub Actions names in the environment.
func GitHubOf(getenv func(string) string, images []Image) error {
	if name := getenv("GITHUB_OUTPUT"); name != "" {
		all, err := MetadataOf(images)
		if err != nil {
			return err
		}
		compact, err := json.Marshal(all)
		if err != nil {
			return err
		}
		if len(compact) > maxGitHubMetadata {
			compact = nil
		}
		refs := strings.Join(Refs(images), "\n")
		const end = "end-of-images" // no reference: it has no digest
		if err := appendFile(name, fmt.Sprintf("images<<%[1]s\n%[2]s\n%[1]s\nmetadata=%[3]s\n", end, refs, compact)); err != nil {
			return err
		}
	}
	if name := getenv("GITHUB_STEP_SUMMARY"); name != "" {
		return appendFile(name, summaryOf(images))
	}
	return nil
}

// maxSummary bounds a summary, in bytes: GitHub takes 1 MiB of a step, and drops all of a larger one.
const maxSummary = 512 << 10

// summaryOf is a table of images in GitHub's Markdown; those that failed come first.
func summaryOf(images []Image) string {
	images = slices.Clone(images)
	slices.SortStableFunc(images, func(a, b Image) int {
		switch {
		case a.Fault != "" && b.Fault == "":
			return -1
		case a.Fault == "" && b.Fault != "":
			return 1
		}
		return 0
	})
	var b strings.Builder
	fmt.Fprintf(&b, "### pyimg: %s\n\n| spec | result | size |\n| --- | --- | ---: |\n", termtext.Count(len(images), "image"))
	for n, i := range images {
		if b.Len() > maxSummary {
			fmt.Fprintf(&b, "\n%d more\n", len(images)-n)
			break
		}
		b.WriteString(summaryLine(i))
	}
	return b.String() + "\n"
}

func summaryLine(i Image) string {
	if i.Fault != "" {
		first, _, _ := strings.Cut(i.Fault, "\n")
		return fmt.Sprintf("| %s | failed: %s | |\n", code(i.Spec), code(first))
	}
	var size int64
	for _, p := range i.Result.Platforms {
		size += p.Size
	}
	var results []string
	for _, ref := range i.Result.Refs {
		results = append(results, code(ref))
	}
	if len(results) == 0 {
		results = []string{code(i.Result.Digest)}
	}
	return fmt.Sprintf("| %s | %s | %s |\n", code(i.Spec), strings.Join(results, "<br>"), termtext.Size(size))
}
