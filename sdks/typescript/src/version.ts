/**
 * How this SDK names itself to servers.
 *
 * @module
 */

/** In Hello. */
export const SDK_NAME = "roomd-typescript";

/** As in package.json; a test compares them. */
export const SDK_VERSION = "0.1.0";
