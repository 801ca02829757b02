package report

import (
	"fmt"
	"time"
)

// Duration is a duration as people say it: 0.3s, 12s, 4m10s, 1h2m. Less than
// nothing counts as nothing.
func Duration(d time.Duration) string {
	d = max(d, 0).Round(100 * time.Millisecond)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
}

// milliseconds is Duration of a count of milliseconds.
func milliseconds(n int64) string { return Duration(time.Duration(n) * time.Millisecond) }

// wholeSeconds is Duration without tenths of seconds, for views that change
// no more than once a second.
func wholeSeconds(d time.Duration) string {
	if d = max(d, 0); d < 10*time.Second {
		return fmt.Sprintf("%ds", int(d.Seconds()))
	}
	return Duration(d)
}
