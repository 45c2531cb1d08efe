package pack_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/pyimg/pyimg/wheel"
	"github.com/pyimg/pyimg/wheel/pack"
	"github.com/pyimg/pyimg/wheel/wheeltest"
)

// Write packs a wheel so that the same files always give the same bytes. Here it also gives the wheel the platform that it was built for.
func ExampleWrite() {
	built := wheeltest.Wheel{Name: "demo", Tag: "cp313-cp313-linux_x86_64", Files: []wheeltest.File{{Name: "demo.py", Data: "answer = 42\n"}}}
	w, err := wheel.Open(bytes.NewReader(built.Bytes()), int64(len(built.Bytes())), built.Filename())
	if err != nil {
		fmt.Println(err)
		return
	}
	rename := func(platform string) string {
		if platform == "linux_x86_64" {
			return "musllinux_1_2_x86_64"
		}
		return platform
	}
	var one, two bytes.Buffer
	for _, out := range []*bytes.Buffer{&one, &two} {
		if err := pack.Write(context.Background(), out, w, rename); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(pack.Filename(w, rename))
	fmt.Println("same bytes:", bytes.Equal(one.Bytes(), two.Bytes()))
	// Output:
	// demo-1.0-cp313-cp313-musllinux_1_2_x86_64.whl
	// same bytes: true
}
