package executor

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// maxLine is where a line is broken, in bytes, so that output without line
// ends needs no end of memory.
const maxLine = 16 << 10

// logLine is one line of a build's output, without its end.
type logLine struct {
	vertex, stream, text string
}

// lineSplitter makes whole lines of pieces of output, apart for each
// instruction and stream.
type lineSplitter struct {
	emit  func(logLine)
	parts []*part // in order of appearance
}

// part is the beginning of a line.
type part struct {
	vertex, stream string
	data           []byte
}

func (s *lineSplitter) write(l *LogLine) {
	stream := "stdout"
	if l.Stderr {
		stream = "stderr"
	}
	p := s.part(l.Vertex, stream)
	for data := l.Data; len(data) > 0; {
		end := bytes.IndexByte(data, '\n')
		piece := data
		if end >= 0 {
			piece = data[:end]
		}
		room := maxLine - len(p.data)
		if len(piece) > room {
			p.data = append(p.data, piece[:room]...)
			s.send(p)
			data = data[room:]
			continue
		}
		p.data = append(p.data, piece...)
		data = data[len(piece):]
		if end >= 0 {
			s.send(p)
			data = data[1:]
		}
	}
}

func (s *lineSplitter) part(vertex, stream string) *part {
	for _, p := range s.parts {
		if p.vertex == vertex && p.stream == stream {
			return p
		}
	}
	p := &part{vertex: vertex, stream: stream}
	s.parts = append(s.parts, p)
	return p
}

func (s *lineSplitter) send(p *part) {
	s.emit(logLine{p.vertex, p.stream, strings.TrimSuffix(string(p.data), "\r")})
	p.data = p.data[:0]
}

// flush sends what is left of unfinished lines.
func (s *lineSplitter) flush() {
	for _, p := range s.parts {
		if len(p.data) > 0 {
			s.send(p)
		}
	}
	s.parts = nil
}

// flushVertex does so for one instruction, which has no more output.
func (s *lineSplitter) flushVertex(vertex string) {
	kept := s.parts[:0]
	for _, p := range s.parts {
		if p.vertex != vertex {
			kept = append(kept, p)
		} else if len(p.data) > 0 {
			s.send(p)
		}
	}
	clear(s.parts[len(kept):])
	s.parts = kept
}

// nodeLog is the log of one build over all its attempts. It is used by one
// goroutine at a time. A nil nodeLog is one of a step that has none.
type nodeLog struct {
	out  io.WriteCloser // nil when the log is not kept
	path string
	warn func(error)

	// current is the instruction that the last line written is of.
	current string
	// tail is the end of all output; tails those of each instruction, of which
	// culprit is the one that failed.
	size    int
	tail    []string
	tails   map[string][]string
	culprit string
}

func newNodeLog(size int, warn func(error)) *nodeLog {
	return &nodeLog{size: size, warn: warn, tails: map[string][]string{}}
}

// line writes a line of output, under the name of its instruction.
func (l *nodeLog) line(line logLine) {
	l.tail = l.extend(l.tail, line.text)
	l.tails[line.vertex] = l.extend(l.tails[line.vertex], line.text)
	text := line.text + "\n"
	if line.vertex != l.current {
		l.current = line.vertex
		text = "=> " + line.vertex + "\n" + text
	}
	l.write(text)
}

// extend adds a line to a tail, dropping the first when it is full.
func (l *nodeLog) extend(tail []string, line string) []string {
	if len(tail) >= l.size {
		copy(tail, tail[1:])
		tail = tail[:len(tail)-1]
	}
	return append(tail, line)
}

// vertex writes a change of an instruction's state.
func (l *nodeLog) vertex(v *Vertex) {
	switch {
	case v.Error != "":
		l.culprit = v.Name
		l.note("%s: failed: %s", v.Name, v.Error)
	case v.Completed && v.Cached:
		l.note("%s: cached", v.Name)
	case v.Completed:
		l.note("%s: done", v.Name)
	}
}

// note writes a line that is not output.
func (l *nodeLog) note(format string, args ...any) {
	l.current = ""
	l.write("-- " + fmt.Sprintf(format, args...) + "\n")
}

// write writes to the log until that fails, which is told once.
func (l *nodeLog) write(text string) {
	if l.out == nil {
		return
	}
	if _, err := io.WriteString(l.out, text); err != nil {
		l.warn(err)
		l.out.Close() // the first error is told
		l.out = nil
	}
}

// last returns the last lines of the instruction that failed, or of the build
// when that had none.
func (l *nodeLog) last() []string {
	if l == nil {
		return nil
	}
	if tail := l.tails[l.culprit]; len(tail) > 0 {
		return tail
	}
	return l.tail
}

// location is the log's path, "" if there is none.
func (l *nodeLog) location() string {
	if l == nil {
		return ""
	}
	return l.path
}

func (l *nodeLog) close() {
	if l == nil || l.out == nil {
		return
	}
	if err := l.out.Close(); err != nil {
		l.warn(err)
	}
	l.out = nil
}
