package dockerd

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/moby/moby/client"
)

// defaultContext is the context that stands for the environment and this
// machine's socket: it has no file.
const defaultContext = "default"

// endpoint is where an engine is and how it is spoken to.
type endpoint struct {
	host string
	// from says where the host was read, for errors.
	from string
	opts []client.Opt
}

// findEndpoint finds the engine in the docker command's order: DOCKER_HOST,
// the context of DOCKER_CONTEXT, the current context of Docker's
// configuration, this machine's socket.
func findEndpoint(getenv func(string) (string, bool)) (endpoint, error) {
	if host, _ := getenv(client.EnvOverrideHost); host != "" {
		return environment(host, client.EnvOverrideHost)
	}
	name, _ := getenv("DOCKER_CONTEXT")
	from := "DOCKER_CONTEXT"
	if name == "" {
		name, from = currentContext()
	}
	if name == "" || name == defaultContext {
		return environment(client.DefaultDockerHost, "neither DOCKER_HOST nor a Docker context says otherwise")
	}
	return stored(name, from)
}

// currentContext is the one that docker context use has chosen, "" for none.
func currentContext() (name, from string) {
	file := config.LoadDefaultConfigFile(nil)
	return file.CurrentContext, file.Filename
}

// environment is an engine that no context describes. TLS is configured by
// DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.
func environment(host, from string) (endpoint, error) {
	at := endpoint{host: host, from: from, opts: []client.Opt{
		client.WithTLSClientConfigFromEnv(), client.WithHost(host), client.WithAPIVersionFromEnv(),
	}}
	if strings.HasPrefix(host, "ssh://") {
		var err error
		ssh := docker.Endpoint{EndpointMeta: docker.EndpointMeta{Host: host}}
		if at.opts, err = ssh.ClientOpts(); err != nil {
			return at, fmt.Errorf("%s %s: %w", from, host, err)
		}
	}
	return at, nil
}

// stored is the engine of a context that docker context create has made.
func stored(name, from string) (endpoint, error) {
	contexts := store.New(config.ContextStoreDir(), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	wrong := func(err error) (endpoint, error) {
		return endpoint{}, fmt.Errorf("the Docker context %q, named by %s: %w", name, from, err)
	}
	meta, err := contexts.GetMetadata(name)
	if err != nil {
		return wrong(err)
	}
	described, err := docker.EndpointFromContext(meta)
	if err != nil {
		return wrong(err)
	}
	full, err := docker.WithTLSData(contexts, name, described)
	if err != nil {
		return wrong(err)
	}
	opts, err := full.ClientOpts()
	if err != nil {
		return wrong(err)
	}
	host := cmp.Or(full.Host, client.DefaultDockerHost)
	return endpoint{host: host, from: fmt.Sprintf("context %q", name), opts: opts}, nil
}
