/** Where everything of ours is, on the host of a tunnel with a gate. */
export const DOOR_PATH = '/.tunnel/'
