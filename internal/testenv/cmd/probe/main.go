// Command probe looks at what it is given inside of a build.
//
//	probe sbom   BuildKit's SBOM generator protocol: writes an SPDX document
//	             that has the names in the scanned root directory
//	probe keys   prints the comments of the keys that the SSH agent at
//	             SSH_AUTH_SOCK has
//	probe reach  connects to the host:port that the variable SERVER names
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ssh/agent"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: probe sbom|keys|reach")
	}
	switch args[0] {
	case "sbom":
		return scan(os.Getenv("BUILDKIT_SCAN_SOURCE"), os.Getenv("BUILDKIT_SCAN_DESTINATION"))
	case "keys":
		return keys(os.Getenv("SSH_AUTH_SOCK"))
	case "reach":
		return reach(os.Getenv("SERVER"))
	}
	return fmt.Errorf("there is no %q", args[0])
}

// scan follows
// https://github.com/moby/buildkit/blob/master/docs/attestations/sbom-protocol.md.
func scan(source, destination string) error {
	entries, err := os.ReadDir(source)
	if err != nil {
		return err
	}
	var packages []map[string]string
	for _, e := range entries {
		packages = append(packages, map[string]string{"name": e.Name(), "SPDXID": "SPDXRef-" + e.Name(), "downloadLocation": "NONE"})
	}
	statement := map[string]any{
		"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document",
		"predicate": map[string]any{
			"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": filepath.Base(source),
			"dataLicense": "CC0-1.0", "documentNamespace": "https://stowage.test/" + filepath.Base(source),
			"creationInfo": map[string]any{"created": "2030-01-01T00:00:00Z", "creators": []string{"Tool: probe"}},
			"packages":     packages,
		},
	}
	data, err := json.Marshal(statement)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(destination, filepath.Base(source)+".spdx.json"), data, 0o644)
}

func keys(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	list, err := agent.NewClient(conn).List()
	if err != nil {
		return err
	}
	for _, key := range list {
		fmt.Println(key.Comment)
	}
	return nil
}

func reach(server string) error {
	conn, err := net.DialTimeout("tcp", server, 5*time.Second)
	if err != nil {
		return err
	}
	fmt.Println("reached", server)
	return conn.Close()
}
