package fleet

import (
	"maps"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/schema"
)

func TestParseEndpoints(t *testing.T) {
	got := at(t, "tcp://a:1", "linux/arm64/v8=tcp://b:1", "linux/arm64,linux/arm/v7=docker-container://c?context=d", "unix:///run/x=y.sock")
	want := []string{"tcp://a:1 ", "tcp://b:1 linux/arm64", "docker-container://c?context=d linux/arm64,linux/arm/v7", "unix:///run/x=y.sock "}
	for i, e := range got {
		if text := e.Address + " " + strings.Join(e.Platforms, ","); text != want[i] {
			t.Errorf("endpoint %d is %q, want %q", i, text, want[i])
		}
	}
	if natives := Natives(got); !maps.Equal(natives, map[string]string{"linux/arm64": "linux/arm64", "linux/arm/v7": "linux/arm64"}) {
		t.Errorf("native platforms are %v", natives)
	}
	for text, want := range map[string]string{
		"arm64=tcp://a:1":        `"arm64" is no platform`,
		"linux/arm64,=tcp://a:1": `"" is no platform`,
		"linux/a/b/c=tcp://":     "is no platform",
		"linux/arm64=":           "has no endpoint",
		"":                       "has no endpoint",
	} {
		if _, err := ParseEndpoints([]string{text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %q", text, err, want)
		}
	}
}

// TestMembers: endpoints that are named for platforms have these to
// themselves, and what nobody needs is left out.
func TestMembers(t *testing.T) {
	declared := []*schema.Builder{
		{Name: "one", Endpoint: "tcp://one:1", Platforms: []string{"linux/amd64", "linux/arm64"}, Native: "linux/amd64"},
		{Name: "two", Endpoint: "tcp://two:1", Platforms: []string{"linux/arm64"}, Native: "linux/arm64"},
	}
	arm := at(t, "linux/arm64=tcp://arm:1")
	for name, test := range map[string]struct {
		opts Options
		want string
	}{
		"named and embedded":       {Options{Endpoints: arm}, "tcp://arm:1[linux/arm64] embedded[not linux/arm64]"},
		"named and host":           {Options{Endpoints: arm, Host: "tcp://h:1"}, "tcp://arm:1[linux/arm64] tcp://h:1[not linux/arm64]"},
		"named and declared":       {Options{Endpoints: arm, Declared: declared}, "tcp://arm:1[linux/arm64] one[linux/amd64]"},
		"named and not":            {Options{Endpoints: append(at(t, "tcp://any:1"), arm...), Declared: declared}, "tcp://arm:1[linux/arm64] tcp://any:1[not linux/arm64]"},
		"all named":                {Options{Endpoints: append(at(t, "linux/amd64=tcp://amd:1"), arm...), Declared: declared}, "tcp://amd:1[linux/amd64] tcp://arm:1[linux/arm64]"},
		"what is needed":           {Options{Endpoints: arm, Platforms: []string{"linux/arm64"}}, "tcp://arm:1[linux/arm64]"},
		"what is not needed":       {Options{Endpoints: arm, Platforms: []string{"linux/s390x"}}, "embedded[not linux/arm64]"},
		"declared, what is needed": {Options{Declared: declared, Platforms: []string{"linux/amd64"}}, "one[linux/amd64,linux/arm64]"},
	} {
		var got []string
		for _, m := range test.opts.members() {
			text := m.name + "["
			if len(m.except) > 0 {
				text += "not " + strings.Join(m.except, ",")
			}
			got = append(got, text+strings.Join(m.platforms, ",")+"]")
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: builders are %q, want %q", name, got, test.want)
		}
	}
}

// TestOpenAtOnce: several builders that do not answer are waited for together,
// it is said which, and each is in the error.
func TestOpenAtOnce(t *testing.T) {
	silent := make([]*silence, 3)
	var declared []*schema.Builder
	for i := range silent {
		silent[i] = newSilence(t)
		declared = append(declared, &schema.Builder{Name: string(rune('a' + i)), Endpoint: "tcp://" + silent[i].Addr().String()})
	}
	var told sync.WaitGroup
	told.Add(len(silent))
	go func() {
		told.Wait() // all are waited for
		for _, s := range silent {
			s.Close()
		}
	}()
	_, err := Open(t.Context(), Options{Declared: declared, Waiting: func(string) { told.Done() }})
	for _, name := range []string{"builder a", "builder b", "builder c"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error is %v, want one with %s in it", err, name)
		}
	}
	if executor.Transient(err) {
		t.Errorf("error is %v, want one that is not tried again", err)
	}
}

// silence takes connections and says nothing.
type silence struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func newSilence(t *testing.T) *silence {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &silence{Listener: l}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
		}
	}()
	t.Cleanup(s.Close)
	return s
}

// Close ends all connections and takes no more.
func (s *silence) Close() {
	_ = s.Listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
}
