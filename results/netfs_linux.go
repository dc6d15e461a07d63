package results

import "syscall"

// networks are the file systems whose locks or shared memory cannot be trusted
// between machines, by the magic numbers of statfs(2).
var networks = map[uint32]string{
	0x6969:     "NFS",
	0x517B:     "SMB",
	0xFE534D42: "SMB2",
	0xFF534D42: "CIFS",
	0x65735546: "FUSE",
	0x0BD00BD0: "Lustre",
	0x47504653: "GPFS",
	0x19830326: "BeeGFS",
	0x00C36400: "Ceph",
	0x5346414F: "AFS",
	0x01021997: "9P",
	0x7461636F: "OCFS2",
	0x01161970: "GFS2",
	0xAAD7AAEA: "PanFS",
}

// networkFS names the network file system that dir lies on, or returns "".
func networkFS(dir string) string {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return ""
	}
	return networks[uint32(st.Type)]
}
