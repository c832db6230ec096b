"""The objects users write, as pydantic models; conditions; the CRDs generated from them."""
