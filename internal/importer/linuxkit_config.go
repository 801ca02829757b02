package importer

import "github.com/opencontainers/runtime-spec/specs-go"

// imageConfig is a build.yml's config: linuxkit's image specification, which
// it publishes as JSON in the label org.mobyproject.config. The names are of
// both the YAML and the JSON, and what is not said is not in the label.
type imageConfig struct {
	Capabilities      *[]string               `yaml:"capabilities" json:"capabilities,omitempty"`
	CapabilitiesAdd   *[]string               `yaml:"capabilities.add" json:"capabilities.add,omitempty"`
	Ambient           *[]string               `yaml:"ambient" json:"ambient,omitempty"`
	Mounts            *[]specs.Mount          `yaml:"mounts" json:"mounts,omitempty"`
	Binds             *[]string               `yaml:"binds" json:"binds,omitempty"`
	BindsAdd          *[]string               `yaml:"binds.add" json:"binds.add,omitempty"`
	Devices           *[]device               `yaml:"devices" json:"devices,omitempty"`
	Tmpfs             *[]string               `yaml:"tmpfs" json:"tmpfs,omitempty"`
	Command           *[]string               `yaml:"command" json:"command,omitempty"`
	Env               *[]string               `yaml:"env" json:"env,omitempty"`
	Cwd               string                  `yaml:"cwd" json:"cwd,omitempty"`
	Net               string                  `yaml:"net" json:"net,omitempty"`
	Pid               string                  `yaml:"pid" json:"pid,omitempty"`
	Ipc               string                  `yaml:"ipc" json:"ipc,omitempty"`
	Uts               string                  `yaml:"uts" json:"uts,omitempty"`
	Userns            string                  `yaml:"userns" json:"userns,omitempty"`
	Hostname          string                  `yaml:"hostname" json:"hostname,omitempty"`
	Readonly          *bool                   `yaml:"readonly" json:"readonly,omitempty"`
	MaskedPaths       *[]string               `yaml:"maskedPaths" json:"maskedPaths,omitempty"`
	ReadonlyPaths     *[]string               `yaml:"readonlyPaths" json:"readonlyPaths,omitempty"`
	UID               *any                    `yaml:"uid" json:"uid,omitempty"`
	GID               *any                    `yaml:"gid" json:"gid,omitempty"`
	AdditionalGids    *[]any                  `yaml:"additionalGids" json:"additionalGids,omitempty"`
	NoNewPrivileges   *bool                   `yaml:"noNewPrivileges" json:"noNewPrivileges,omitempty"`
	OOMScoreAdj       *int                    `yaml:"oomScoreAdj" json:"oomScoreAdj,omitempty"`
	RootfsPropagation *string                 `yaml:"rootfsPropagation" json:"rootfsPropagation,omitempty"`
	CgroupsPath       *string                 `yaml:"cgroupsPath" json:"cgroupsPath,omitempty"`
	Resources         *specs.LinuxResources   `yaml:"resources" json:"resources,omitempty"`
	Sysctl            *map[string]string      `yaml:"sysctl" json:"sysctl,omitempty"`
	Rlimits           *[]string               `yaml:"rlimits" json:"rlimits,omitempty"`
	UIDMappings       *[]specs.LinuxIDMapping `yaml:"uidMappings" json:"uidMappings,omitempty"`
	GIDMappings       *[]specs.LinuxIDMapping `yaml:"gidMappings" json:"gidMappings,omitempty"`
	Annotations       *map[string]string      `yaml:"annotations" json:"annotations,omitempty"`
	Runtime           *runtimeConfig          `yaml:"runtime" json:"runtime,omitempty"`
}

// device is a device node; its mode is written in octal.
type device struct {
	Path  string `yaml:"path" json:"path"`
	Type  string `yaml:"type" json:"type"`
	Major int64  `yaml:"major" json:"major"`
	Minor int64  `yaml:"minor" json:"minor"`
	Mode  string `yaml:"mode" json:"mode,omitempty"`
}

// runtimeConfig is what is done when a container starts.
type runtimeConfig struct {
	Cgroups    *[]string           `yaml:"cgroups" json:"cgroups,omitempty"`
	Mounts     *[]specs.Mount      `yaml:"mounts" json:"mounts,omitempty"`
	Mkdir      *[]string           `yaml:"mkdir" json:"mkdir,omitempty"`
	Interfaces *[]networkInterface `yaml:"interfaces" json:"interfaces,omitempty"`
	BindNS     namespaces          `yaml:"bindNS" json:"bindNS"`
	Namespace  *string             `yaml:"namespace" json:"namespace,omitempty"`
}

type namespaces struct {
	Cgroup *string `yaml:"cgroup" json:"cgroup,omitempty"`
	Ipc    *string `yaml:"ipc" json:"ipc,omitempty"`
	Mnt    *string `yaml:"mnt" json:"mnt,omitempty"`
	Net    *string `yaml:"net" json:"net,omitempty"`
	Pid    *string `yaml:"pid" json:"pid,omitempty"`
	User   *string `yaml:"user" json:"user,omitempty"`
	Uts    *string `yaml:"uts" json:"uts,omitempty"`
}

type networkInterface struct {
	Name         string `yaml:"name" json:"name,omitempty"`
	Add          string `yaml:"add" json:"add,omitempty"`
	Peer         string `yaml:"peer" json:"peer,omitempty"`
	CreateInRoot bool   `yaml:"createInRoot" json:"createInRoot"`
}
