#pragma once

/*
 * Describe: read the description of an image that lies in the working folder, in the jail.
 *
 * From oci/, as skopeo left it, to two small files: digest, the "sha256-..." of the manifest, and env, the environment of
 * its programs, a NAME=value per line.  Returns an exit status; what is wrong is said on stderr.
 */
int image_describe(void);
