package pylock_test

import (
	"context"
	"fmt"

	"github.com/pyimg/pyimg/wheel/pylock"
	"github.com/pyimg/pyimg/wheel/target"
)

func ExampleLock_Select() {
	lock, err := pylock.Parse([]byte(`
lock-version = "1.0"
[[packages]]
name = "demo"
wheels = [
    { url = "https://files.example/demo-1.0-cp313-cp313-musllinux_1_2_aarch64.whl", hashes = { sha256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" } },
    { url = "https://files.example/demo-1.0-py3-none-any.whl", hashes = { sha256 = "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9" } },
]`), "pylock.toml")
	if err != nil {
		fmt.Println(err)
		return
	}
	python, err := target.New("linux/arm64", target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: "aarch64"})
	if err != nil {
		fmt.Println(err)
		return
	}
	selected, err := lock.Select(context.Background(), []target.Target{python}, pylock.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range selected[0] {
		fmt.Println(f.Filename.Text)
	}
	// Output: demo-1.0-cp313-cp313-musllinux_1_2_aarch64.whl
}
