package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// workspace is a generated one: packages that share nothing but their
// Dockerfile, each FROM scratch with two COPY and one RUN.
type workspace struct {
	dir   string
	names []string
}

const dockerfile = `FROM scratch
COPY busybox /bin/busybox
COPY salt /salt
RUN ["/bin/busybox", "cat", "/salt"]
`

func generate(dir string, packages int) (*workspace, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return nil, fmt.Errorf("%w; run .ci/setup", err)
	}
	busybox, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	ws := &workspace{dir: dir}
	config := "workspace {\n  name      = \"bench\"\n  registry  = \"registry.example.com/bench\"\n  platforms = [\"linux/amd64\"]\n}\n"
	for i := range packages {
		name := fmt.Sprintf("p%04d", i)
		ws.names = append(ws.names, name)
		config += fmt.Sprintf("\npackage %q {\n  context = %q\n}\n", name, name)
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return nil, err
		}
		for file, content := range map[string][]byte{"Dockerfile": []byte(dockerfile), "busybox": busybox, ".dockerignore": []byte("Dockerfile\n.dockerignore\n")} {
			if err := os.WriteFile(filepath.Join(dir, name, file), content, 0o755); err != nil {
				return nil, err
			}
		}
	}
	return ws, os.WriteFile(filepath.Join(dir, "stowage.hcl"), []byte(config), 0o644)
}

// salt changes every package, so that no RUN is in the builder's cache.
func (w *workspace) salt(text string) error {
	for _, name := range w.names {
		if err := os.WriteFile(filepath.Join(w.dir, name, "salt"), []byte(name+" "+text+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}
