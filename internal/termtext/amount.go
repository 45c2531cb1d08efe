package termtext

import "fmt"

// Size returns a number of bytes as text, in steps of a thousand as registries and docker print it: 812 B, 12.3 kB,
// 4.56 MB.
func Size(n int64) string {
	const unit = 1000
	const rounded = unit - 0.05 // from here the number rounds to 1 of the next unit
	if n < unit && n > -unit {
		return fmt.Sprintf("%d B", n)
	}
	f, units := float64(n)/unit, []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	for (f >= rounded || f <= -rounded) && len(units) > 1 {
		f, units = f/unit, units[1:]
	}
	if units[0] == "kB" {
		return fmt.Sprintf("%.1f kB", f)
	}
	return fmt.Sprintf("%.2f %s", f, units[0])
}

// Count returns a number and a noun whose plural ends in s: 1 layer, 2 layers.
func Count[N int | int64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
