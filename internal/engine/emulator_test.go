package engine

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestLacksEmulator(t *testing.T) {
	const entry = binfmtDir + "/qemu-aarch64"
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"not mounted":   {nil, "not mounted"},
		"disabled":      {map[string]string{binfmtDir + "/status": "disabled\n"}, "binfmt_misc is disabled"},
		"no entry":      {map[string]string{binfmtDir + "/status": "enabled\n"}, "there is no /" + entry},
		"off":           {map[string]string{binfmtDir + "/status": "enabled\n", entry: "disabled\ninterpreter /x\nflags: F\n"}, "qemu-aarch64 is disabled"},
		"without F":     {map[string]string{binfmtDir + "/status": "enabled\n", entry: "enabled\ninterpreter /x\nflags: PO\n"}, "without the flag F"},
		"does not work": {map[string]string{binfmtDir + "/status": "enabled\n", entry: "enabled\ninterpreter /x\nflags: POF\n"}, "does not work"},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for path, content := range test.files {
				root[path] = &fstest.MapFile{Data: []byte(content)}
			}
			if got := lacksEmulator(root, "linux/arm64"); !strings.Contains(got, test.want) {
				t.Errorf("it says %q, want %q", got, test.want)
			}
		})
	}
	for _, want := range []string{"linux/arm/v7", "qemu-user-static", "binfmt --install arm.", "--builder linux/arm/v7=ENDPOINT"} {
		if got := RegisterEmulator("linux/arm/v7"); !strings.Contains(got, want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}
