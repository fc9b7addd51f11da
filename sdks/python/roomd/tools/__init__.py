"""Tools that an application serves to AIs."""
