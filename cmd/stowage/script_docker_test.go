package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// contextCommand makes a context of the docker command, or the current one:
// context NAME HOST, context use NAME
func contextCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: context name host | context use name")
	}
	config := filepath.Join(ts.Getenv("HOME"), ".docker")
	if args[0] == "use" {
		writeJSON(ts, filepath.Join(config, "config.json"), map[string]any{"currentContext": args[1]})
		return
	}
	id := sha256.Sum256([]byte(args[0]))
	writeJSON(ts, filepath.Join(config, "contexts", "meta", hex.EncodeToString(id[:]), "meta.json"), map[string]any{
		"Name": args[0], "Metadata": map[string]any{},
		"Endpoints": map[string]any{"docker": map[string]any{"Host": args[1], "SkipTLSVerify": false}},
	})
}

func writeJSON(ts *testscript.TestScript, path string, value any) {
	data, err := json.Marshal(value)
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(path, data, 0o600))
}

// dockerStandIn stands in for the docker command as BuildKit's client calls it
// for docker-container://bk?context=remote: it connects standard input and
// output with the BuildKit at the unix socket DOCKER_STAND_IN.
func dockerStandIn() {
	const want = "--context=remote exec -i bk buildctl dial-stdio"
	if got := strings.Join(os.Args[1:], " "); got != want {
		fmt.Fprintf(os.Stderr, "docker %s, want docker %s\n", got, want)
		os.Exit(1)
	}
	dialStdio(os.Getenv("DOCKER_STAND_IN"))
}

// kubectlStandIn stands in for kubectl, of a cluster where one pod is ready:
// bk-0, whose builder is at KUBECTL_STAND_IN, or bk-1 in its place, at
// KUBECTL_NEXT, when nobody answers there. With no first one there is no cluster.
func kubectlStandIn() {
	const list = "get pods --selector=app=buildkitd --output=json --namespace=build"
	const exec = "--context= --namespace=build exec --container= -i bk-N -- buildctl dial-stdio"
	pod, variable := "bk-0", "KUBECTL_STAND_IN"
	got := strings.Join(os.Args[1:], " ")
	switch {
	case os.Getenv(variable) == "":
		fmt.Fprintln(os.Stderr, "there is no cluster")
		os.Exit(1)
	case !answers(os.Getenv(variable)) && os.Getenv("KUBECTL_NEXT") != "":
		pod, variable = "bk-1", "KUBECTL_NEXT"
	}
	switch got {
	case list:
		fmt.Printf(`{"items":[{"metadata":{"name":%q},"status":{"conditions":[{"type":"Ready","status":"True"}]}}]}`, pod)
	case strings.Replace(exec, "bk-N", pod, 1):
		dialStdio(os.Getenv(variable))
	default:
		fmt.Fprintf(os.Stderr, "kubectl %s, want %s or %s, of %s\n", got, list, exec, pod)
		os.Exit(1)
	}
}

// answers reports whether somebody listens at a unix socket.
func answers(endpoint string) bool {
	conn, err := net.Dial("unix", strings.TrimPrefix(endpoint, "unix://"))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// dialStdio connects standard input and output with a unix socket.
func dialStdio(endpoint string) {
	conn, err := net.Dial("unix", strings.TrimPrefix(endpoint, "unix://"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(os.Stdout, conn)
}
