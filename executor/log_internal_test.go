package executor

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func split(pieces ...string) []string {
	var lines []string
	s := &lineSplitter{emit: func(l logLine) { lines = append(lines, l.text) }}
	for _, p := range pieces {
		s.write(&LogLine{Vertex: "RUN", Data: []byte(p)})
	}
	s.flush()
	return lines
}

func TestLineSplitter(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	tests := map[string]struct{ pieces, want []string }{
		"nothing":         {[]string{""}, nil},
		"lines":           {[]string{"a\nb\n"}, []string{"a", "b"}},
		"no end":          {[]string{"a\nb"}, []string{"a", "b"}},
		"pieces":          {[]string{"a", "b\nc", "\n"}, []string{"ab", "c"}},
		"empty lines":     {[]string{"\n\n", "a\n"}, []string{"", "", "a"}},
		"carriage return": {[]string{"a\r\nb\r", "\n"}, []string{"a", "b"}},
		"as long as can":  {[]string{long + "\n"}, []string{long}},
		"too long":        {[]string{long + "yz\nb"}, []string{long, "yz", "b"}},
		"long in pieces":  {[]string{long[1:], "yz\n"}, []string{long[1:] + "y", "z"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := split(tt.pieces...); !slices.Equal(got, tt.want) {
				t.Errorf("got %d lines %.100q, want %d", len(got), got, len(tt.want))
			}
		})
	}
}

func TestLineSplitterKeepsApart(t *testing.T) {
	var got []string
	s := &lineSplitter{emit: func(l logLine) { got = append(got, l.vertex+" "+l.stream+" "+l.text) }}
	s.write(&LogLine{Vertex: "a", Data: []byte("1")})
	s.write(&LogLine{Vertex: "b", Data: []byte("2")})
	s.write(&LogLine{Vertex: "a", Stderr: true, Data: []byte("3")})
	s.write(&LogLine{Vertex: "a", Data: []byte("4\n")})
	s.flushVertex("a")
	s.flush()
	if want := []string{"a stdout 14", "a stderr 3", "b stdout 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzLineSplitter checks that how output is cut into pieces changes nothing,
// and that nothing is lost.
func FuzzLineSplitter(f *testing.F) {
	f.Add("a\nb\r\n\nc", 2)
	f.Add(strings.Repeat("x", maxLine+3)+"\ny", 100)
	f.Fuzz(func(t *testing.T, text string, size int) {
		size = max(size, 1+len(text)/1000)
		var pieces []string
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		whole := split(text)
		if got := split(pieces...); !slices.Equal(got, whole) {
			t.Errorf("in pieces of %d: %q, at once: %q", size, got, whole)
		}
		bytes := func(s string) int { return len(s) - strings.Count(s, "\n") - strings.Count(s, "\r") }
		total := 0
		for _, line := range whole {
			total += bytes(line)
		}
		if total != bytes(text) {
			t.Errorf("%d bytes of output, want %d", total, bytes(text))
		}
	})
}

func TestShort(t *testing.T) {
	for text, d := range map[string]int64{"30m": 1800, "1h": 3600, "1h30m": 5400, "1m30s": 90, "45s": 45, "1h0m5s": 3605} {
		if got := short(time.Duration(d) * time.Second); got != text {
			t.Errorf("short(%ds) = %s, want %s", d, got, text)
		}
	}
}
