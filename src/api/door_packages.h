#pragma once

/*
 * Packages door: GET, POST and DELETE /api/v2/packages, as Piston has them.
 *
 *   GET      200 [{"language","language_version","installed"}] in the index's order
 *   POST     200 {"language","version"}: installed.  `language` is the package's name, no alias; `version` a range, of
 *   DELETE   200 the same: uninstalled           which the newest is meant, for DELETE the newest that is installed
 *
 *   400 body is no JSON · 404 "Requested package <language>-<version> does not exist" · 415 · 500 "Already installed",
 *   "<language>-<version> is not installed", "Checksum miss-match want: <hex> got: <hex>", an archive that cannot be
 *   unpacked · 502 the index or the archive cannot be fetched · 503 too busy
 *
 * CodeRunr answers 201 and 204 where Piston answers 200 (docs/decisions); its clients test for success only.
 */

struct exchange;

void door_packages_list(struct exchange *exchange);
void door_packages_install(struct exchange *exchange);
void door_packages_uninstall(struct exchange *exchange);
