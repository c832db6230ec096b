"""Pure: an InferenceService -> the bodies of its Deployment and Service, and who owns which field of them."""
