package report

import "fmt"

// Bytes is a size as people say it, in powers of 1000: 512 B, 1.2 kB, 30 MB.
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n), 0
	for size >= 999.5 && unit < 4 {
		size /= 1000
		unit++
	}
	if size < 9.95 {
		return fmt.Sprintf("%.1f %cB", size, " kMGT"[unit])
	}
	return fmt.Sprintf("%.0f %cB", size, " kMGT"[unit])
}
