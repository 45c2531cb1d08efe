package target_test

import (
	"fmt"

	"github.com/pyimg/pyimg/wheel/target"
)

func ExampleNew() {
	machine, _ := target.Machine("armv7") // Alpine's name
	t, err := target.New("linux/arm/v7", target.Python{Version: "3.13.5", Musl: "1.2.5", Machine: machine})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.Tags.Tags()[0], t.ExtSuffix, t.Environment.PlatformMachine)
	// Output: cp313-cp313-musllinux_1_2_armv7l .cpython-313-arm-linux-musleabihf.so armv7l
}
